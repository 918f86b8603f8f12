import type { ServiceProcess } from './service-process.js';

/** A metric as it is announced. */
interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Names of its labels; null if nothing was counted yet, so that none show. */
  readonly labels: readonly string[] | null;
}

/** What a service said of itself at one moment. */
export class Scrape {
  private constructor(readonly text: string) {}

  static urlOf(service: ServiceProcess): string {
    return /Metrics on (http:[^"\s]+)/.exec(service.output)![1]!;
  }

  static async of(service: ServiceProcess): Promise<Scrape> {
    // On a connection of its own: the service may be about to close one that was kept.
    const reply = await fetch(Scrape.urlOf(service), { headers: { connection: 'close' } });
    return new Scrape(await reply.text());
  }

  get families(): Family[] {
    return [...this.text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (.*)$/gm)]
      .map(([, name, help, type]) => ({
        name: name!,
        type: type!,
        help: help!,
        labels: this.labelsOf(name!),
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  private labelsOf(name: string): string[] | null {
    const [, labels] = new RegExp(`^${name}(?:_sum)?(?:{(.*)})? `, 'm').exec(this.text) ?? [null, null];
    return labels === null ? null : [...(labels ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label!);
  }

  /** The sum of the samples that have at least these labels; 0 if there are none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }
}

/** Calls of a route that have come to an end, answered or not. */
export function endedCalls(scrape: Scrape, route: string): number {
  return scrape.value('http_request_duration_seconds_count', { route });
}
