#!/usr/bin/env node
import { requireNode } from '../config/version.js';

// Before anything else is loaded: an older Node can't even read it.
requireNode(2);
await import('./program.js');
