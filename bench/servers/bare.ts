import { fastify } from 'fastify';
import { BODY_LIMIT } from '../../src/http/fastify.js';
import { ANSWERS } from './answers.js';

// The least that a server on Fastify does for such a call: one route, Fastify's own parser, a compiled check of the
// body and a compiled serialiser of the answer. What the service takes beyond it is our own code, and Nest's.

const body = {
  type: 'object',
  properties: {
    email: { type: ['string', 'null'], maxLength: 254 },
    phoneNumber: { type: ['string', 'integer', 'null'] },
  },
};
const contact = {
  type: 'object',
  required: ['primaryContactId', 'emails', 'phoneNumbers', 'secondaryContactIds'],
  properties: {
    primaryContactId: { type: 'integer' },
    emails: { type: 'array', items: { type: 'string' } },
    phoneNumbers: { type: 'array', items: { type: 'string' } },
    secondaryContactIds: { type: 'array', items: { type: 'integer' } },
  },
};
const answer = { type: 'object', required: ['contact'], properties: { contact } };

const app = fastify({ bodyLimit: BODY_LIMIT });
let count = 0;
app.post('/identify', { schema: { body, response: { 200: answer } } }, async () => ({
  contact: ANSWERS[count++ % ANSWERS.length],
}));
app.get('/health/ready', async () => ({ status: 'ok' }));
await app.listen({ port: Number(process.env.PORT) });
process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => process.exit(0));
