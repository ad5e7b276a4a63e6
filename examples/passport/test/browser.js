/** A browser with cookies, which are sent to whichever node it asks. Follows no redirect by itself. */
export class Browser {
  #cookies = new Map();

  copy() {
    const copy = new Browser();
    for (const [name, value] of this.#cookies) copy.#cookies.set(name, value);
    return copy;
  }

  get(url, headers = {}) {
    return this.#send(url, { headers });
  }

  post(url, body = {}, headers = {}) {
    const json = { 'content-type': 'application/json', ...headers };
    return this.#send(url, { method: 'POST', headers: json, body: JSON.stringify(body) });
  }

  async #send(url, { headers, ...request }) {
    const cookie = [...this.#cookies].map((pair) => pair.join('=')).join('; ');
    const response = await fetch(url, { ...request, headers: { ...headers, cookie }, redirect: 'manual' });
    for (const header of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(header);
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}
