import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { amount, axisTimes, duration, when } from '../format.js';
import { isolated } from '../series.js';
import type { Metrics, SeriesPoint } from '../shapes.js';
import { useDark } from '../theme.js';

interface Line {
  readonly label: string;
  readonly color: string;
  readonly value: (point: SeriesPoint) => number | null;
  readonly isFilled?: boolean;
}

const volume: readonly Line[] = [
  { label: 'Requests', color: '--accent', value: (point) => point.requests, isFilled: true },
  { label: 'Client errors', color: '--warn', value: (point) => point.client_errors },
  { label: 'Errors', color: '--bad', value: (point) => point.errors },
];

const latency: readonly Line[] = [
  { label: 'Median', color: '--accent', value: (point) => point.p50_ms },
  { label: '95th', color: '--warn', value: (point) => point.p95_ms },
  { label: '99th', color: '--bad', value: (point) => point.p99_ms },
];

export const VolumeChart = ({ metrics }: { metrics: Metrics | undefined }) => (
  <Chart name="Requests over time" lines={volume} metrics={metrics} format={amount} />
);

export const LatencyChart = ({ metrics }: { metrics: Metrics | undefined }) => (
  <Chart name="Response time over time" lines={latency} metrics={metrics} format={duration} />
);

const HEIGHT = 220;

interface ChartProps {
  readonly name: string;
  readonly lines: readonly Line[];
  readonly metrics: Metrics | undefined;
  readonly format: (value: number) => string;
}

/**
 * A time series. The plot is made once for a colour scheme and fed: making it anew at each update would lose the
 * cursor.
 */
const Chart = ({ name, lines, metrics, format }: ChartProps) => {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const isDark = useDark();

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new uPlot(options(lines, format, element.clientWidth), columns(lines, metrics), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [isDark]);

  useEffect(() => {
    plot.current?.setData(columns(lines, metrics));
  }, [metrics]);

  return <div class="chart" ref={place} role="group" aria-label={name} />;
};

const columns = (lines: readonly Line[], metrics: Metrics | undefined): uPlot.AlignedData => {
  const series = metrics?.series ?? [];
  return [
    series.map((point) => Date.parse(point.time) / 1000),
    ...lines.map((line) => series.map(line.value)),
  ];
};

const options = (lines: readonly Line[], format: (value: number) => string, width: number): uPlot.Options => {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [12, 16, 0, 0],
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 1)] } },
    axes: [
      { ...axis, size: 44, space: 64, values: (_plot, ticks) => [...axisTimes(ticks)] },
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      {
        label: 'Time',
        value: (_plot: uPlot, time: number | null) => (time === null ? '–' : when(time * 1000)),
      },
      ...lines.map((line) => ({
        label: line.label,
        stroke: color(line.color),
        width: 2,
        spanGaps: false,
        points: {
          show: false,
          size: 6,
          fill: color(line.color),
          filter: (plot: uPlot, index: number) => isolated([...(plot.data[index] ?? [])]),
        },
        value: (_plot: uPlot, value: number | null) => (value === null ? '–' : format(value)),
        ...(line.isFilled && { fill: `${color(line.color)}22` }),
      })),
    ],
  };
};
