export { RedisSessionHealthIndicator, RedisSessionHealthModule } from './redis-session.health.js';
