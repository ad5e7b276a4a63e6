export { createSession } from './create-session.js';
export { loginAs, type LoginAsOptions, type TestedApplication } from './login-as.js';
export { MemoryStore, type MemoryStoreOptions } from '../stores/memory-store.js';
