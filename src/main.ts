import { requireNode } from './config/version.js';

// Before anything else is loaded: an older Node can't even read it.
requireNode(1);
await import('./serve.js');
