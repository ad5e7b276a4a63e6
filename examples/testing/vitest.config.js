import { defineConfig } from 'vitest/config';

// Vite 8 itself compiles decorators and their metadata, as tsconfig.json says; older ones need unplugin-swc for that.
export default defineConfig({ test: { include: ['test/*.spec.ts'] } });
