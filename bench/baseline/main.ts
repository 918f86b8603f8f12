import express from 'express';
import pg from 'pg';
import { identify } from './identify.js';

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
  const sighting = {
    email: typeof email === 'string' ? email.trim().toLowerCase() || null : null,
    phoneNumber: phoneNumber == null ? null : String(phoneNumber).replace(/[^\d+]/g, '') || null,
  };
  if (sighting.email === null && sighting.phoneNumber === null) {
    response.status(400).json({ error: 'email or phoneNumber is required' });
    return;
  }
  identify(pool, sighting).then((contact) => response.json({ contact }), next);
});

const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`Listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}\n`);
});

process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => process.exit(0));
