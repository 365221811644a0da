import { useEffect, useState } from 'preact/hooks';

const dark = window.matchMedia('(prefers-color-scheme: dark)');

/** Whether the person wants it dark, now and when they change their mind: for what CSS cannot colour by itself. */
export const useDark = (): boolean => {
  const [isDark, setIsDark] = useState(dark.matches);
  useEffect(() => {
    const follow = (event: MediaQueryListEvent): void => setIsDark(event.matches);
    dark.addEventListener('change', follow);
    return () => dark.removeEventListener('change', follow);
  }, []);
  return isDark;
};
