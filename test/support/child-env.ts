/** What the programs that tests start get of this process's environment; settings of the service are none of it. */
export const CHILD_ENV: Readonly<Record<string, string | undefined>> = {
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
};
