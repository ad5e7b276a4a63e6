export { SessionAdminModule, type SessionAdminOptions } from './session-admin.module.js';
export type { SessionAdminList } from './api.controller.js';
