import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { amount, duration } from '../format';
import type { Metrics, SeriesPoint } from '../shapes';

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
  <Chart lines={volume} metrics={metrics} format={amount} />
);

export const LatencyChart = ({ metrics }: { metrics: Metrics | undefined }) => (
  <Chart lines={latency} metrics={metrics} format={duration} />
);

const HEIGHT = 200;

interface ChartProps {
  readonly lines: readonly Line[];
  readonly metrics: Metrics | undefined;
  readonly format: (value: number) => string;
}

/** A time series. The plot is made once and fed: making it anew at each update would lose the cursor. */
const Chart = ({ lines, metrics, format }: ChartProps) => {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new uPlot(
      options(lines, format, element.clientWidth),
      [[], ...lines.map(() => [])],
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, []);

  useEffect(() => {
    const series = metrics?.series ?? [];
    plot.current?.setData([
      series.map((point) => Date.parse(point.time) / 1000),
      ...lines.map((line) => series.map(line.value)),
    ]);
  }, [metrics]);

  return <div class="chart" ref={place} />;
};

const options = (lines: readonly Line[], format: (value: number) => string, width: number): uPlot.Options => {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 1)] } },
    axes: [axis, { ...axis, size: 64, values: (_plot, ticks) => ticks.map(format) }],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: color(line.color),
        width: 2,
        spanGaps: false,
        value: (_plot: uPlot, value: number | null) => (value === null ? '–' : format(value)),
        ...(line.isFilled && { fill: `${color(line.color)}22` }),
      })),
    ],
  };
};
