import { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { CookieJar, readSetCookie, type ReceivedCookie } from './cookies.js';
import { exchangeHttp } from './http-request.js';

export { CookieJar, type ReceivedCookie } from './cookies.js';

/** What a request can carry. */
export interface BrowserRequest {
  headers?: OutgoingHttpHeaders | undefined;
  /** An object is sent as JSON, unless `headers` name a content type; a string or bytes as they are. */
  body?: unknown;
  /** The Cookie header as it stands, in place of the jar's (what comes back is still kept); '' sends none. */
  cookie?: string | undefined;
  /** Default: false. */
  followRedirects?: boolean | undefined;
  /** Aborts the request; it then rejects. */
  signal?: AbortSignal | undefined;
  /** Called with each piece of the body as it arrives (SSE, streams). */
  onData?: ((text: string) => void) | undefined;
}

/** What came back. */
export interface BrowserResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The Set-Cookie headers, in order, values as sent. */
  readonly setCookies: readonly ReceivedCookie[];
  readonly text: string;
  readonly json: <T = unknown>() => T;
  /** From the start of the request to its status line, in ms. */
  readonly timeFirstByteMs: number;
}

const MOST_REDIRECTS = 10;

/** A small HTTP client that keeps cookies as a browser does. */
export class Browser {
  private readonly baseUrl: () => string;

  constructor(
    baseUrl: string | (() => string),
    /** Its cookies. */
    readonly jar = new CookieJar(),
  ) {
    this.baseUrl = typeof baseUrl === 'string' ? () => baseUrl : baseUrl;
  }

  get(path: string, options: Omit<BrowserRequest, 'body'> = {}): Promise<BrowserResponse> {
    return this.request('GET', path, options);
  }

  post(path: string, body?: unknown, options: Omit<BrowserRequest, 'body'> = {}): Promise<BrowserResponse> {
    return this.request('POST', path, { ...options, body });
  }

  /** Rejects when the connection breaks before the answer is complete. */
  async request(method: string, path: string, options: BrowserRequest = {}): Promise<BrowserResponse> {
    let response = await this.requestOnce(method, new URL(path, this.baseUrl()), options);
    for (let hops = 0; options.followRedirects && response.next; hops++) {
      if (hops === MOST_REDIRECTS)
        throw new Error(`Test helper: ${path} redirects more than ${MOST_REDIRECTS} times.`);
      const keepsMethod = response.status === 307 || response.status === 308;
      response = keepsMethod
        ? await this.requestOnce(method, response.next, options)
        : await this.requestOnce('GET', response.next, { ...options, body: undefined });
    }
    return response;
  }

  /** The value of a cookie, by name. */
  cookie(name: string): string | undefined {
    return this.jar.get(name)?.value;
  }

  /** A second tab that starts with the same cookies, and does not learn what this one is told later (a straggler). */
  clone(): Browser {
    return new Browser(this.baseUrl, this.jar.clone());
  }

  private async requestOnce(
    method: string,
    url: URL,
    options: BrowserRequest,
  ): Promise<BrowserResponse & { next?: URL | undefined }> {
    const { body, contentType } = encodeBody(options.body);
    const cookie = options.cookie ?? this.jar.header(url.pathname);
    let setCookies: ReceivedCookie[] = [];
    const response = await exchangeHttp({
      method,
      url,
      body,
      headers: {
        ...(contentType && { 'content-type': contentType }),
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        ...(cookie && { cookie }),
        ...options.headers,
      },
      signal: options.signal,
      onData: options.onData,
      // Like a browser, with the headers: an answer that never ends has set its cookies by then.
      onHeaders: (headers) => {
        setCookies = (headers['set-cookie'] ?? []).map(readSetCookie);
        for (const received of setCookies) this.jar.store(received, url.pathname);
      },
    });
    const { location } = response.headers;
    const redirects = response.status >= 300 && response.status < 400 && location !== undefined;
    return {
      ...response,
      setCookies,
      json: <T>() => JSON.parse(response.text) as T,
      next: redirects ? new URL(location, url) : undefined,
    };
  }
}

function encodeBody(body: unknown): { body?: string | Buffer; contentType?: string } {
  if (body === undefined) return {};
  if (Buffer.isBuffer(body)) return { body, contentType: 'application/octet-stream' };
  if (typeof body === 'string') return { body, contentType: 'text/plain' };
  return { body: JSON.stringify(body), contentType: 'application/json' };
}
