import { defineConfig } from 'vite';

/** Where the API is while the console is developed: `npx vite console`, beside `npm start`. */
const SERVICE = 'http://127.0.0.1:3000';
const API = [
  'contacts',
  'identities',
  'identify',
  'lookup',
  'search',
  'merges',
  'splits',
  'rules',
  'reviews',
  'blocked-values',
  'policy',
  'erasures',
  'subject-access',
  'events',
  'webhooks',
  'console/session',
];

export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  // The service puts a new one into each answer.
  html: { cspNonce: '__NONCE__' },
  build: {
    // not in the folder of the service, which each of its builds empties
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2024',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // what went into the bundle, with its licences; the bill of materials lists it too
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      // "use client" means nothing where there is no server
      checks: { moduleLevelDirective: false },
    },
  },
  server: { proxy: Object.fromEntries(API.map((path) => [`/${path}`, SERVICE])) },
});
