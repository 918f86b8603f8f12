import type { BrowserContext, Page } from 'playwright-core';
import { startApp, type RunningApp } from '../support/app.js';
import { useDatabase } from '../support/hooks.js';
import { allowAnySize } from '../support/large-identity.js';
import { check, TestBrowser } from './browser.js';

// `npm run console:speed`: how long the pictures of large identities take, and for how long they stop the page. It asserts no times.

/** Of a task that the browser reports as a long one: 50 ms. Scrolling shows it. */
const SCRIPT = `
  window.longTasks = [];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({ startTime, duration }) =>
    ({ startTime, duration })))).observe({ type: 'longtask', buffered: true });
  const watch = () => {
    const node = document.querySelector('.contact-box');
    const edge = document.querySelector('.evidence-line');
    if (node !== null && edge !== null && getComputedStyle(node).visibility === 'visible') {
      // the frame that shows them has been handed over when the next task runs
      requestAnimationFrame(() => setTimeout(() => {
        window.shownAt = performance.now();
        document.documentElement.dataset.shown = '';
      }));
    } else {
      requestAnimationFrame(watch);
    }
  };
  requestAnimationFrame(watch);
`;

interface Measured {
  readonly boxes: number;
  /** From the last byte of the evidence to the painted picture, in ms */
  readonly toPainted: number;
  /** The longest that the page could not answer, in ms */
  readonly longestBlock: number;
  /** What the page computed from the request for the page to the painted picture, in ms: it hardly depends on what else runs */
  readonly cpu: number;
  readonly heapMb: number;
}

const database = useDatabase();
let app: RunningApp;
let browser: TestBrowser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  await allowAnySize(database);
  app = await startApp({ DATABASE_URL: database.url });
  browser = await TestBrowser.open(app);
  context = await browser.window();
  await context.addInitScript(SCRIPT);
  page = await context.newPage();
}, 120_000);

afterAll(async () => {
  await browser.close();
  await app.close();
});

test.each([
  ['200 contacts, each attached to one of the last ones', 200, (i: number) => Math.floor((i - 1) / 3)],
  ['20,000 contacts, each attached to one of the last ones', 20_000, (i: number) => Math.floor((i - 1) / 3)],
  ['20,000 contacts with one phone number', 20_000, () => 0],
])(
  '%s',
  async (name, size, parentOf) => {
    const id = await addTree(size, parentOf);
    const runs: Measured[] = [];
    for (let run = 0; run < 5; run++) {
      runs.push(await measure(id));
    }
    const median = (key: keyof Measured): number =>
      runs.map((each) => each[key]).toSorted((a, b) => a - b)[Math.floor(runs.length / 2)]!;
    const text = (key: keyof Measured): string => `${Math.round(median(key))}`;
    const inUse = await measureUse();
    process.stderr.write(
      `${name}: ${text('boxes')} boxes, painted ${text('toPainted')} ms after the data (${text('cpu')} ms of work with the start), ` +
        `longest block ${text('longestBlock')} ms, heap ${text('heapMb')} MB; ` +
        `while it is used, longest block ${Math.round(inUse)} ms\n`,
    );
  },
  300_000,
);

async function measure(id: number): Promise<Measured> {
  await page.goto('/console/policy');
  const profiler = await context.newCDPSession(page);
  await profiler.send('Performance.enable', { timeDomain: 'threadTicks' });
  await page.goto(`/console/identities/${id}`);
  await page.locator('html[data-shown]').waitFor();
  await page.getByRole('table').waitFor();
  const { metrics } = await profiler.send('Performance.getMetrics');
  // or what other pages have left would be counted
  await profiler.send('HeapProfiler.collectGarbage');
  const cpu = metrics.find(({ name }) => name === 'TaskDuration')!.value * 1000;
  const seen = await page.evaluate<Omit<Measured, 'cpu'>>(`(() => {
    const { responseEnd } = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/evidence'));
    return {
      boxes: document.querySelectorAll('.contact-box').length,
      toPainted: window.shownAt - responseEnd,
      longestBlock: Math.max(0, ...window.longTasks.map(({ duration }) => duration)),
      heapMb: performance.memory.usedJSHeapSize / 2 ** 20,
    };
  })()`);
  await profiler.detach();
  return { ...seen, cpu };
}

/** Chooses contacts, turns a page of the table, and moves the picture. */
async function measureUse(): Promise<number> {
  await page.evaluate('window.longTasks = []');
  await check(page.getByRole('checkbox', { name: /^Choose contact/ }).nth(3));
  await check(page.getByRole('checkbox', { name: /^Choose contact/ }).nth(4));
  await page.getByRole('button', { name: 'Page 2', exact: true }).click();
  await page.locator('.react-flow__pane').hover();
  await page.mouse.wheel(0, -300);
  await page.evaluate('new Promise((resolve) => setTimeout(resolve, 200))');
  return page.evaluate<number>('Math.max(0, ...window.longTasks.map(({ duration }) => duration))');
}

/** An identity in which each contact but the first shares a value with its parent. @returns its primary */
async function addTree(size: number, parentOf: (i: number) => number): Promise<number> {
  const [row] = await database.query<{ id: string }>(`select coalesce(max(id), 0) as id from contact`);
  const first = Number(row!.id) + 1;
  const [emails, phones, parents] = [[''], [''], [-1]] as [string[], string[], number[]];
  const depths = [0];
  for (let i = 0; i < size; i++) {
    const parent = i === 0 ? 0 : parentOf(i);
    depths[i] = i === 0 ? 0 : depths[parent]! + 1;
    // the email goes from even to odd, the phone number from odd to even
    emails[i] = i > 0 && depths[i]! % 2 === 1 ? emails[parent]! : `contact${first + i}@hillvalley.edu`;
    phones[i] = i > 0 && depths[i]! % 2 === 0 ? phones[parent]! : String(4_000_000_000 + first + i);
    parents[i] = parent;
  }
  await database.query(
    `insert into contact (tenant_id, id, email, phone_number, linked_id, link_precedence, joined_id, created_at, updated_at)
      select 1, $1::bigint + i - 1, ($2::text[])[i], ($3::text[])[i], case when i > 1 then $1::bigint end,
        case when i = 1 then 'primary' else 'secondary' end, case when i > 1 then $1::bigint + ($4::int[])[i] end,
        now() + i * interval '1 ms', now()
      from generate_series(1, $5::int) i`,
    [first, emails, phones, parents, size],
  );
  await database.query(
    `insert into identifier (tenant_id, kind, value, contact_id)
      select 1, 0, email, min(id) from contact where id >= $1 group by email
      union all select 1, 1, phone_number, min(id) from contact where id >= $1 group by phone_number`,
    [first],
  );
  return first;
}
