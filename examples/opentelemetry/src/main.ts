import { startTelemetry } from './telemetry.js';

const telemetry = startTelemetry();
const { createApp } = await import('./app.js');
const app = await createApp();
app.enableShutdownHooks();
process.once('beforeExit', () => void telemetry.shutdown());
await app.listen(process.env['PORT'] ?? 3000);
