import express from 'express';
import pg from 'pg';
import { identify } from './baseline-identify.js';

// Reconciliation the way most write it: Express, a pool, a handful of queries per request. It is meant to be good: the
// right indexes, no query too many, a transaction where rows are written; but a call is handled on its own.

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const app = express();
app.use(express.json());

app.get('/health/ready', (_request, response) => {
  response.json({ status: 'ok' });
});

app.post('/identify', (request, response, next) => {
  const { email, phoneNumber } = (request.body ?? {}) as { email?: unknown; phoneNumber?: string | number };
  const identifiers = {
    email: typeof email === 'string' ? email.trim().toLowerCase() || null : null,
    phoneNumber: phoneNumber == null ? null : String(phoneNumber).replace(/[^\d+]/g, '') || null,
  };
  if (identifiers.email === null && identifiers.phoneNumber === null) {
    response.status(400).json({ error: 'email or phoneNumber is required' });
    return;
  }
  identify(pool, identifiers).then((contact) => response.json({ contact }), next);
});

app.listen(Number(process.env.PORT), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => process.exit(0));
