import { useDebouncedCallback } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';

/** So long after the last key it is asked for, in ms. */
const PAUSE_MS = 250;

/**
 * The text of a field that the address keeps, and what changes it.
 *
 * The address follows after a pause. What it says by then is no reason to change the field, because people have typed on; what
 * somebody else has put there, such as a link, is.
 *
 * @param keep puts a text into the address, and tells how it stands there
 */
export function useTyped(
  kept: string,
  keep: (text: string) => string,
  pauseMs = PAUSE_MS,
): readonly [string, (text: string) => void] {
  const [typed, setTyped] = useState(kept);
  /** On the way into the address, the oldest first */
  const asked = useRef<string[]>([]);
  const ask = useDebouncedCallback((text: string) => {
    const form = keep(text);
    if (form !== kept) {
      asked.current.push(form);
    }
  }, pauseMs);
  useEffect(() => {
    const place = asked.current.indexOf(kept);
    if (place === -1) {
      ask.cancel();
      setTyped(kept);
    } else {
      asked.current.splice(0, place + 1);
    }
  }, [kept, ask]);
  const type = (text: string): void => {
    setTyped(text);
    ask(text);
  };
  return [typed, type];
}
