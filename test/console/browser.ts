import { execFileSync } from 'node:child_process';
import { AxeBuilder } from '@axe-core/playwright';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Locator,
  type Page,
} from 'playwright-core';
import type { RunningApp } from '../support/app.js';

/** What moved on a page although nobody did anything; https://web.dev/articles/cls says how it is measured. */
interface Jump {
  /** How much of the page, times how far */
  readonly value: number;
  readonly moved: readonly string[];
}

const WATCH_JUMPS = `
  window.jumps = [];
  const textOf = ({ node, previousRect, currentRect }) =>
    [node?.nodeName, node?.textContent?.slice(0, 30), previousRect.y, '->', currentRect.y].join(' ');
  new PerformanceObserver((list) => window.jumps.push(...list.getEntries()
    .filter(({ hadRecentInput }) => !hadRecentInput)
    .map(({ value, sources }) => ({ value, moved: sources.map(textOf) }))))
    .observe({ type: 'layout-shift', buffered: true });
`;
/** More than this people notice; 0.1 in all is what Google calls good. */
const MAX_JUMPS = 0.02;

/** A browser, and what its pages complained of. */
export class TestBrowser {
  /** Errors of the console, violations of the policy, calls to other hosts, identifiers in addresses. */
  readonly complaints: string[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly url: string,
  ) {}

  static async open(app: RunningApp): Promise<TestBrowser> {
    const executablePath = execFileSync('scripts/chromium.sh', { encoding: 'utf8' }).trim();
    // Chromium refuses its own sandbox to root.
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    return new TestBrowser(browser, app.client.url);
  }

  /** A window with cookies of its own. */
  async window(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await this.browser.newContext({
      baseURL: this.url,
      viewport: { width: 1280, height: 900 },
      timezoneId: 'Europe/Berlin',
      locale: 'en-GB',
      reducedMotion: 'reduce',
      ...options,
    });
    await context.addInitScript(WATCH_JUMPS);
    // CI runs this beside other tests, with less priority
    context.setDefaultTimeout(30_000);
    context.on('console', (message) => {
      // Chromium logs each answer of 4xx, and some are what a test is about
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
        this.complaints.push(message.text());
      }
    });
    context.on('weberror', (error) => this.complaints.push(String(error.error())));
    context.on('request', (request) => {
      if (!request.url().startsWith(options.baseURL ?? this.url) && !/^(data|blob):/.test(request.url())) {
        this.complaints.push(`a call to ${request.url()}`);
      }
      // a proxy may write addresses down
      if (/@|%40|717171|5550100/.test(request.url())) {
        this.complaints.push(`an identifier in ${request.url()}`);
      }
    });
    return context;
  }

  async close(): Promise<void> {
    await this.browser.close();
  }
}

/**
 * What axe finds wrong with a page.
 *
 * @param rules null: all of them
 */
export async function faultsOf(page: Page, rules: string[] | null): Promise<string[]> {
  const axe = new AxeBuilder({ page });
  const { violations } = await (rules === null ? axe : axe.withRules(rules)).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** What has jumped since it was asked last, if it is more than a little in all. */
export async function jumpsOf(page: Page): Promise<readonly Jump[]> {
  const jumps = await page.evaluate<Jump[]>('window.jumps.splice(0)');
  const sum = jumps.reduce((total, { value }) => total + value, 0);
  process.stderr.write(`${new URL(page.url()).pathname}: what jumps while it loads is ${sum.toFixed(4)}\n`);
  return sum > MAX_JUMPS ? jumps : [];
}

/** Checks a box and waits until it is: the address keeps some choices, and the box follows it a moment later. */
export async function check(box: Locator): Promise<void> {
  await box.click();
  await untilChecked(box);
}

export async function untilChecked(box: Locator): Promise<void> {
  await box.and(box.page().locator(':checked')).waitFor();
}
