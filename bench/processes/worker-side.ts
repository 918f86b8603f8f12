/** What a worker sends back for an order. */
export type Outcome<Result> = { readonly result: Result } | { readonly failure: string };

/** In a worker: carries out one order after the other until the process that gave them is gone. */
export function serve(carryOut: (order: never) => Promise<object>): void {
  process.on('message', (order) => {
    carryOut(order as never).then(
      (result) => process.send?.({ result } satisfies Outcome<object>),
      (error: unknown) => process.send?.({ failure: describe(error) } satisfies Outcome<object>),
    );
  });
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches every process of the terminal; the one that gives the orders decides.
  process.on('SIGINT', () => undefined);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
