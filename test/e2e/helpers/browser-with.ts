import { Browser, type BrowserRequest, type BrowserResponse } from '../../support/cookie-jar.js';

/** A browser that sends these headers with each request. */
export class BrowserWith extends Browser {
  readonly #headers: Record<string, string>;

  constructor(headers: Record<string, string>, url: string) {
    super(url);
    this.#headers = headers;
  }

  override request(method: string, path: string, options: BrowserRequest = {}): Promise<BrowserResponse> {
    return super.request(method, path, { ...options, headers: { ...options.headers, ...this.#headers } });
  }
}
