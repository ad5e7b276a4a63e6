import {
  ArgumentsHost,
  BadRequestException,
  Catch,
  Controller,
  ForbiddenException,
  Get,
  Head,
  Header,
  HttpCode,
  HttpException,
  Inject,
  Injectable,
  Module,
  NotFoundException,
  ParseIntPipe,
  Post,
  Query,
  Redirect,
  Req,
  Res,
  Sse,
  StreamableFile,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  type MessageEvent,
  type MiddlewareConsumer,
  type NestInterceptor,
  type NestMiddleware,
} from '@nestjs/common';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import {
  RedisSessionModule,
  Session,
  SessionService,
  type AnyRequest,
  type HttpSession,
} from 'nestjs-redis-session';
import {
  type RedisSessionModuleExtras,
  type SessionModuleOptions,
  type SessionSource,
} from 'nestjs-redis-session';
import { concat, defer, from, map, mergeMap, of, type Observable } from 'rxjs';
import { Gate } from './gate.js';

interface Marked {
  mark?: string;
}

/** What Express's response and Fastify's reply have in common. */
interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): unknown;
  send(body: unknown): unknown;
  json?(body: unknown): unknown;
  raw?: ServerResponse;
}

const rawOf = (reply: Reply): ServerResponse => reply.raw ?? (reply as unknown as ServerResponse);

/** What every way out does to the session, wherever it does it. */
@Injectable()
export class Marker {
  /** Between the load and the write: where a test causes a disturbance. */
  gate = new Gate();

  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  async mark(source: SessionSource, mark: string): Promise<void> {
    const session = await this.sessions.of<Marked>(source);
    await this.gate.pass();
    session.mark = mark;
  }
}

@Injectable()
class MarkingGuard implements CanActivate {
  constructor(@Inject(Marker) private readonly marker: Marker) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const path = pathOf(context.switchToHttp().getRequest<AnyRequest>());
    await this.marker.mark(context, path);
    if (path === 'guard-throws') throw new ForbiddenException('thrown');
    return path !== 'guard-rejects';
  }
}

@Injectable()
class MarkingInterceptor implements NestInterceptor {
  constructor(@Inject(Marker) private readonly marker: Marker) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next
      .handle()
      .pipe(
        mergeMap((value: unknown) => from(this.marker.mark(context, 'interceptor')).pipe(map(() => value))),
      );
  }
}

@Catch(HttpException)
class MarkingFilter implements ExceptionFilter {
  constructor(@Inject(Marker) private readonly marker: Marker) {}

  async catch(error: HttpException, host: ArgumentsHost): Promise<void> {
    await this.marker.mark(host, 'filter');
    host.switchToHttp().getResponse<Reply>().status(error.getStatus()).send('filtered');
  }
}

@Injectable()
class MarkingMiddleware implements NestMiddleware<IncomingMessage, ServerResponse> {
  constructor(@Inject(Marker) private readonly marker: Marker) {}

  async use(
    request: IncomingMessage,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): Promise<void> {
    const path = pathOf(request);
    if (path.startsWith('middleware-')) await this.marker.mark(request, path);
    if (path === 'middleware-ends') response.writeHead(202, { 'x-by': 'middleware' }).end('ended');
    else next();
  }
}

function pathOf(request: AnyRequest | { url?: string; originalUrl?: string }): string {
  const { originalUrl, url } = request as { url?: string; originalUrl?: string };
  return (originalUrl ?? url ?? '').slice(1).split('?')[0] ?? '';
}

@Controller()
class WaysOutController {
  constructor(@Inject(Marker) private readonly marker: Marker) {}

  @Get('mark')
  read(@Session() session: HttpSession<Marked>): Marked {
    return { ...(session.mark !== undefined && { mark: session.mark }) };
  }

  @Post('start')
  async start(@Session() session: HttpSession<Marked & { started?: boolean }>): Promise<void> {
    session.started = true;
  }

  @Get('value')
  async value(@Req() request: AnyRequest): Promise<object> {
    await this.marker.mark(request, 'value');
    return { some: 'value' };
  }

  @Head('head')
  async head(@Req() request: AnyRequest): Promise<string> {
    await this.marker.mark(request, 'head');
    return 'unseen';
  }

  @Get('empty')
  @HttpCode(204)
  async empty(@Req() request: AnyRequest): Promise<void> {
    await this.marker.mark(request, 'empty');
  }

  @Get('observable')
  observable(@Req() request: AnyRequest): Observable<string> {
    return defer(() => this.marker.mark(request, 'observable')).pipe(map(() => 'observed'));
  }

  @Get('redirect')
  @Redirect('/elsewhere', 302)
  async redirect(@Req() request: AnyRequest): Promise<void> {
    await this.marker.mark(request, 'redirect');
  }

  @Get('dynamic-redirect')
  @Redirect()
  async dynamicRedirect(@Req() request: AnyRequest): Promise<object> {
    await this.marker.mark(request, 'dynamic-redirect');
    return { url: '/there', statusCode: 307 };
  }

  @Get('exception')
  async exception(@Req() request: AnyRequest): Promise<void> {
    await this.marker.mark(request, 'exception');
    throw new NotFoundException('no such tea');
  }

  @Get('crash')
  async crash(@Req() request: AnyRequest): Promise<void> {
    await this.marker.mark(request, 'crash');
    throw new Error('crashed');
  }

  @Get('guard-rejects')
  @UseGuards(MarkingGuard)
  guardRejects(): void {}

  @Get('guard-throws')
  @UseGuards(MarkingGuard)
  guardThrows(): void {}

  @Get('pipe-rejects')
  @UseGuards(MarkingGuard)
  pipeRejects(@Query('n', ParseIntPipe) n: number): number {
    return n;
  }

  @Get('filter')
  @UseFilters(MarkingFilter)
  filter(): void {
    throw new BadRequestException('filtered');
  }

  @Get('interceptor')
  @UseInterceptors(MarkingInterceptor)
  interceptor(): string {
    return 'intercepted';
  }

  @Get('res-send')
  async send(@Req() request: AnyRequest, @Res() reply: Reply): Promise<void> {
    await this.marker.mark(request, 'res-send');
    reply.status(201).send('sent');
  }

  @Get('res-json')
  async json(@Req() request: AnyRequest, @Res() reply: Reply): Promise<void> {
    await this.marker.mark(request, 'res-json');
    if (reply.json === undefined) reply.send({ a: 1 });
    else reply.json({ a: 1 });
  }

  @Get('res-raw')
  async raw(@Req() request: AnyRequest, @Res() reply: Reply): Promise<void> {
    await this.marker.mark(request, 'res-raw');
    const raw = rawOf(reply);
    raw.writeHead(203, { 'content-type': 'text/plain', 'set-cookie': 'mine=1' });
    raw.write('one,');
    raw.write(Buffer.from('two,'));
    raw.end('three');
  }

  @Get('res-end')
  async end(@Req() request: AnyRequest, @Res() reply: Reply): Promise<void> {
    await this.marker.mark(request, 'res-end');
    const raw = rawOf(reply);
    raw.statusCode = 202;
    raw.end();
  }

  @Get('res-flush')
  async flush(@Req() request: AnyRequest, @Res() reply: Reply): Promise<void> {
    await this.marker.mark(request, 'res-flush');
    const raw = rawOf(reply);
    raw.flushHeaders();
    raw.end('flushed');
  }

  @Get('passthrough')
  async passthrough(@Req() request: AnyRequest, @Res({ passthrough: true }) reply: Reply): Promise<string> {
    await this.marker.mark(request, 'passthrough');
    reply.status(203).header('x-by', 'passthrough');
    return 'passed';
  }

  @Get('file')
  async file(@Req() request: AnyRequest): Promise<StreamableFile> {
    await this.marker.mark(request, 'file');
    return new StreamableFile(Buffer.from('file'));
  }

  @Get('file-stream')
  async fileStream(@Req() request: AnyRequest): Promise<StreamableFile> {
    await this.marker.mark(request, 'file-stream');
    return new StreamableFile(Readable.from(['a', 'b'.repeat(100_000), 'c']));
  }

  @Get('pipe')
  @Header('content-type', 'text/plain')
  async pipe(@Req() request: AnyRequest, @Res() reply: Reply): Promise<void> {
    await this.marker.mark(request, 'pipe');
    Readable.from(['x', 'y'.repeat(100_000), 'z']).pipe(rawOf(reply));
  }

  @Sse('sse-before')
  @UseGuards(MarkingGuard)
  sseBefore(): Observable<MessageEvent> {
    return of({ data: 'event' });
  }

  @Sse('sse-during')
  sseDuring(@Req() request: AnyRequest): Observable<MessageEvent> {
    const late = defer(() => this.marker.mark(request, 'sse-during')).pipe(map(() => ({ data: 'late' })));
    return concat(of({ data: 'early' }), late);
  }
}

/** An application with all the ways out. */
export function waysOutModule(options: SessionModuleOptions & RedisSessionModuleExtras): DynamicModule {
  @Module({})
  class WaysOutModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(MarkingMiddleware).forRoutes('{*path}');
    }
  }
  return {
    module: WaysOutModule,
    imports: [RedisSessionModule.forRoot(options)],
    controllers: [WaysOutController],
    providers: [Marker],
  };
}
