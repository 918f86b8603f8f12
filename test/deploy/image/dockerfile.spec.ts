import { readFileSync } from 'node:fs';
import { isInContext, parseDockerfile } from './dockerfile.js';

test('a Dockerfile is its stages, with comments left out and lines joined', () => {
  const text = `# first
FROM node:24 AS build
# how
RUN npm ci \\
  && npm run build

FROM node:24
COPY --from=build --chown=1:1 /app/dist dist
CMD ["node", "main.js"]
`;
  expect(parseDockerfile(text)).toEqual([
    {
      base: 'node:24',
      name: 'build',
      instructions: [{ keyword: 'RUN', text: 'npm ci && npm run build', flags: {} }],
    },
    {
      base: 'node:24',
      name: null,
      instructions: [
        { keyword: 'COPY', text: '/app/dist dist', flags: { from: 'build', chown: '1:1' } },
        { keyword: 'CMD', text: '["node", "main.js"]', flags: {} },
      ],
    },
  ]);
});

test('the build sees what .dockerignore lets through', () => {
  const list = '# nothing else\n*\n!src\n!package.json\n';
  expect(
    ['src', 'src/main.ts', 'package.json', '.env', 'srcs'].map((path) => isInContext(path, list)),
  ).toEqual([true, true, true, false, false]);
});

test('a .dockerignore that lets through all but a few names is not understood', () => {
  expect(() => isInContext('src', 'node_modules\n.env\n')).toThrow('must begin with *');
});

test('our .dockerignore lets through no secret and no data', () => {
  const list = readFileSync('.dockerignore', 'utf8');
  expect(['.env', 'data', '.git', 'node_modules'].filter((path) => isInContext(path, list))).toEqual([]);
});
