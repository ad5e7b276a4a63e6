import { createApp } from './app.js';

const app = await createApp(process.env['DRIVER'] === 'mercurius' ? 'mercurius' : 'apollo');
app.enableShutdownHooks();
await app.listen(3000);
