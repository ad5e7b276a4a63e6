import { type DynamicModule, type LoggerService, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { onCleanup } from './cleanup.js';

/** Every end-to-end suite runs on each. */
export const adapters = ['express', 'fastify'] as const;

/** One of {@link adapters}. */
export type Adapter = (typeof adapters)[number];

/** An application of either adapter. */
export type TestApplication = NestExpressApplication | NestFastifyApplication;

/** An application that listens on a free port of 127.0.0.1; closed when the test file ends. */
export interface StartedApp {
  readonly url: string;
  readonly app: TestApplication;
  /** As in production: waits for requests under way. May be called twice. */
  readonly close: () => Promise<void>;
}

/** What {@link startApp} can be asked for. */
export interface AppOptions {
  /** Default: none. See {@link LogSink}. */
  logger?: LoggerService | undefined;
  /** Called before the application starts, for pipes, filters, middleware, plugins. */
  configure?: ((app: TestApplication) => unknown) | undefined;
}

/** Starts an application from its module, or from a module's metadata. Rejects with the error when it does not start. */
export async function startApp(
  adapter: Adapter,
  module: Type | DynamicModule | ModuleMetadata,
  options: AppOptions = {},
): Promise<StartedApp> {
  const root =
    typeof module === 'function' || 'module' in module ? module : { module: class TestModule {}, ...module };
  // abortOnError: Nest would end this process instead of telling the test.
  const nestOptions = { logger: options.logger ?? (false as const), abortOnError: false };
  const app: TestApplication =
    adapter === 'express'
      ? await NestFactory.create<NestExpressApplication>(root, new ExpressAdapter(), nestOptions)
      : await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), nestOptions);

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    forget();
    return (closing ??= app.close());
  };
  const forget = onCleanup(() => {
    const closed = close();
    // At the end of the file nobody waits for an answer any more.
    app.getHttpServer().closeAllConnections();
    return closed;
  });
  try {
    await options.configure?.(app);
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await close();
    throw error;
  }
  return { url: await app.getUrl(), app, close };
}
