import { Controller, Get, Param, Post, Res } from '@nestjs/common';
import { createReadStream } from 'node:fs';
import { ServerResponse } from 'node:http';
import { Session, type HttpSession } from 'nestjs-redis-session';
import { createNode, listen } from '../../support/node-main.js';

type AnySession = HttpSession<Record<string, unknown>>;
type AnyResponse = ServerResponse | { readonly raw: ServerResponse; hijack(): void };

/** What a handler may do to its response, each of it wrong. */
const MISTAKES: Readonly<Record<string, (response: ServerResponse) => void>> = {
  status: (response) => {
    response.statusCode = 9999;
    response.end('x');
  },
  message: (response) => {
    response.statusMessage = 'no €';
    response.end('x');
  },
  header: (response) => {
    response.setHeader('x-name', 'no €');
    response.end('x');
  },
  chunk: (response) => void response.end(12345 as never),
  'second answer': (response) => {
    response.end('one');
    response.setHeader('content-length', 1);
    response.statusCode = 500;
    response.end('two and more');
  },
  'second head': (response) => {
    response.writeHead(200, { 'content-length': 1 });
    response.writeHead(201);
    response.end('x');
  },
};

let unhandled = 0;
let producers = 0;
for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, () => (unhandled += 1));

function rawOf(response: AnyResponse): ServerResponse {
  if (response instanceof ServerResponse) return response;
  response.hijack();
  return response.raw;
}

/** A node whose handlers are wrong about their responses, with a session and without. */
@Controller()
class ResponseController {
  @Get('mistakes') mistakes(): string[] {
    return Object.keys(MISTAKES);
  }

  @Get('fine') fine(): string {
    return 'fine';
  }

  @Get('health') health(): object {
    return { pid: process.pid, unhandled, producers };
  }

  @Post('plain/:mistake') plain(@Res() response: AnyResponse, @Param('mistake') mistake: string): void {
    MISTAKES[mistake]?.(rawOf(response));
  }

  @Post('read/:mistake') read(
    @Session() session: AnySession,
    @Res() response: AnyResponse,
    @Param('mistake') mistake: string,
  ): void {
    void session['value'];
    MISTAKES[mistake]?.(rawOf(response));
  }

  @Post('write/:mistake') write(
    @Session() session: AnySession,
    @Res() response: AnyResponse,
    @Param('mistake') mistake: string,
  ): void {
    session['value'] = Date.now();
    MISTAKES[mistake]?.(rawOf(response));
  }

  /** A job that goes on after the answer, as it does for a visitor without a session too. */
  @Post('job') job(@Session() session: AnySession): string {
    setTimeout(() => (session['value'] = 'late'), 20);
    return 'begun';
  }

  @Post('file') file(@Session() session: AnySession, @Res() response: AnyResponse): void {
    session['value'] = Date.now();
    producers += 1;
    createReadStream(process.execPath, { end: 8_000_000 })
      .on('close', () => (producers -= 1))
      .pipe(rawOf(response));
  }
}

await listen(await createNode({ controllers: [ResponseController] }));
