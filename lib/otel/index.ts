export { SessionInstrumentation, type SessionInstrumentationConfig } from './instrumentation.js';
