import type { Settings } from './config/settings.js';

const KEY = `  Create an API key: npm run --silent cli -- keys create <name>

`;

/** A call to try, for somebody who has just started the service on a terminal. */
export function firstCall(url: string, { authMode }: Settings): string {
  const hasKey = authMode === 'api-key';
  return `${hasKey ? KEY : ''}  Try it:

    curl ${url}/identify -H 'Content-Type: application/json' \\${hasKey ? "\n      -H 'Authorization: Bearer <API key>' \\" : ''}
      -d '{"email": "lorraine@hillvalley.edu", "phoneNumber": "123456"}'
`;
}
