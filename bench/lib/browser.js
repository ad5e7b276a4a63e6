/** Sends requests with the one cookie that it was given last. */
export class Browser {
  cookie;
  #url;

  constructor(url, cookie) {
    this.#url = url;
    this.cookie = cookie;
  }

  /** Another request of the same user: what it is told does not change this one. */
  clone() {
    return new Browser(this.#url, this.cookie);
  }

  /** The body of the answer. Rejects with `status` for one that is no success. */
  async send(method, path) {
    const response = await globalThis.fetch(this.#url + path, {
      method,
      headers: this.cookie === undefined ? {} : { cookie: this.cookie },
    });
    // Some send a cookie for the session before a login too: the last one counts.
    const set = response.headers.getSetCookie().at(-1);
    if (set !== undefined) this.cookie = set.split(';', 1)[0];
    const body = await response.text();
    if (!response.ok) {
      throw Object.assign(new Error(`${method} ${path}: ${response.status} ${body}`), {
        status: response.status,
      });
    }
    return JSON.parse(body);
  }
}
