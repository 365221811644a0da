import type { Page } from 'playwright-core';

/** Questions to the page itself; they are texts because tests are compiled without a browser's types. */
export const width = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth');

export const background = (page: Page): Promise<string> =>
  page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');

export const refreshToken = (page: Page): Promise<string> =>
  page.evaluate<string>("JSON.parse(sessionStorage.getItem('pulsestream.session')).refresh_token");

/** How high a box is, how high what is in it, and how much of that was scrolled away above. */
export const scrolling = (
  page: Page,
  selector: string,
): Promise<{ readonly shown: number; readonly whole: number; readonly above: number }> =>
  page.evaluate<{ shown: number; whole: number; above: number }>(
    `(({ clientHeight, scrollHeight, scrollTop }) => ({ shown: clientHeight, whole: scrollHeight, above: scrollTop }))(document.querySelector('${selector}'))`,
  );

/** How many points of a chart have a colour of the page's, such as `--accent`. */
export const painted = (page: Page, chart: number, variable: string): Promise<number> =>
  page.evaluate<number>(`{
    const canvas = document.querySelectorAll('.uplot canvas')[${String(chart)}];
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const value = getComputedStyle(document.documentElement).getPropertyValue('${variable}').trim();
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
    let count = 0;
    for (let at = 0; at < data.length; at += 4)
      if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) count += 1;
    count;
  }`);
