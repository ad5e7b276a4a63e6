import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { createApp } from '../dist/app.js';

/** A node of the application. All of them together are one application, to whoever has the cookie. */
async function startNode(sockets) {
  const app = await createApp(sockets);
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), close: () => app.close() };
}

function plain(url, headers) {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers });
  const ask = async (event, data) => {
    socket.send(JSON.stringify({ event, data }));
    const [text] = await once(socket, 'message');
    return JSON.parse(text);
  };
  const closed = once(socket, 'close').then(([code]) => code);
  return { ask, opened: once(socket, 'open'), closed, close: () => socket.close() };
}

function socketIo(url, extraHeaders, transport) {
  const socket = io(url, { extraHeaders, transports: [transport], reconnection: false, forceNew: true });
  const ask = (event, data) =>
    new Promise((resolve) => {
      socket.onAny((answer, body) => {
        socket.offAny();
        resolve({ event: answer, data: body });
      });
      socket.emit(event, data);
    });
  const opened = new Promise((resolve) => socket.once('connect', resolve));
  const closed = new Promise((resolve) => socket.once('disconnect', resolve));
  return { ask, opened, closed, close: () => socket.close() };
}

const kinds = [
  ['ws', plain, 4401],
  ['socket.io', (url, headers) => socketIo(url, headers, 'websocket'), 'io server disconnect'],
  ['socket.io', (url, headers) => socketIo(url, headers, 'polling'), 'io server disconnect'],
];

for (const [sockets, connect, ended] of kinds) {
  test(`sessions of sockets by ${sockets}`, async () => {
    const [first, second] = await Promise.all([startNode(sockets), startNode(sockets)]);
    const post = (path, cookie, body = {}) =>
      fetch(`${first.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', cookie },
        body: JSON.stringify(body),
      });
    const cookie = (await post('/login', '', { name: 'ann' })).headers.get('set-cookie').split(';')[0];

    const socket = connect(second.url, { cookie });
    await socket.opened;
    assert.deepEqual((await socket.ask('say', 'hello')).data, { by: 'ann', said: ['hello'] });
    const said = await fetch(`${first.url}/said`, { headers: { cookie } });
    assert.deepEqual(await said.json(), ['hello']);

    const guest = connect(second.url, {});
    await guest.opened;
    assert.equal((await guest.ask('say', 'hello')).data.statusCode, 401);
    const foreign = connect(second.url, { cookie, origin: 'https://evil.example' });
    await foreign.opened;
    assert.equal((await foreign.ask('say', 'hello')).data.statusCode, 403);

    for (const other of [guest, foreign]) {
      other.close();
      await other.closed;
    }
    await post('/logout', cookie);
    assert.equal(await socket.closed, ended);
    await Promise.all([first.close(), second.close()]);
  });
}
