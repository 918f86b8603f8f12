import type { BrowserContext, Page } from 'playwright-core';
import { SCOPES } from '../../src/access/scope.js';
import { startApp, type RunningApp } from '../support/app.js';
import type { TestDatabase } from '../support/database.js';
import { use } from '../support/hooks.js';
import { administerKeys, type Keys } from '../support/keys.js';
import { TestBrowser } from './browser.js';

/** A service that asks for keys, and a window of a browser in which nobody is signed in yet. */
export interface OpenConsole {
  readonly keys: Keys;
  /** May do everything. */
  readonly key: string;
  readonly app: RunningApp;
  readonly browser: TestBrowser;
  readonly context: BrowserContext;
  readonly page: Page;
}

/**
 * What the tests of a file share. After each of them, no page may have complained.
 *
 * @param name of the key
 * @param bring fills the service
 */
export function useConsole(
  database: TestDatabase,
  env: Readonly<Record<string, string>>,
  name: string,
  bring: (app: RunningApp, headers: Record<string, string>) => Promise<void>,
): OpenConsole {
  const open = async (): Promise<OpenConsole> => {
    const keys = await administerKeys(database.url);
    const key = await keys.make({ name, scopes: SCOPES });
    const app = await startApp({ DATABASE_URL: database.url, AUTH_MODE: 'api-key', ...env });
    await bring(app, { 'x-api-key': key });
    const browser = await TestBrowser.open(app);
    const context = await browser.window();
    return { keys, key, app, browser, context, page: await context.newPage() };
  };
  const close = async ({ keys, app, browser }: OpenConsole): Promise<void> => {
    await browser.close();
    await app.close();
    await keys.close();
  };
  const opened = use(open, close, 120_000);
  // violations of the policy, errors of scripts, calls to other hosts; of every page so far
  afterEach(() => expect(opened.browser.complaints).toEqual([]));
  return opened;
}
