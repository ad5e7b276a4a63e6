import { createApp } from './app.js';

const app = await createApp(process.env['SOCKETS'] === 'ws' ? 'ws' : 'socket.io');
app.enableShutdownHooks();
await app.listen(3000);
