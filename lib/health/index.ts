export { RedisSessionHealthIndicator } from './redis-session.health.js';
export { RedisSessionHealthModule } from './redis-session-health.module.js';
