import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Server } from 'node:http';

/** Which process this is: what the pages show to make the round robin visible. */
@Injectable()
export class NodeInfo {
  readonly name = process.env.NODE_NAME ?? 'node';
  readonly pid = process.pid;

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  /** The port this node listens on: known only once it listens, since the launcher lets the system choose. */
  get port(): number {
    const address = (this.adapterHost.httpAdapter.getHttpServer() as Server).address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }
}
