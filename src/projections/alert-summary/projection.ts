import { alertEventTypes, type AlertState } from '../../domain/alerting/alert.js';
import type { Severity } from '../../domain/alerting/rule.js';
import { ALERT_STREAMS } from '../../domain/streams.js';
import { START } from '../../eventstore/event-store.js';
import type { Document } from '../../readstore/read-store.js';
import { alertPart, foldAlert, type AlertDocument, type AlertPart } from '../alerts/alert-document.js';
import { defineProjection, type FoldContext } from '../projection.js';

type OpenState = Exclude<AlertState, 'resolved'>;

interface OpenAlert {
  readonly state: OpenState;
  readonly severity: Severity;
  readonly fired: boolean;
}

/** How many alerts fired and were resolved in an hour; those that never fired are left out. */
export interface AlertHour {
  readonly time: string;
  readonly fired: number;
  readonly resolved: number;
}

/** A tenant's alerts at a glance. */
export interface AlertSummaryDocument extends Document {
  /** By alert: what is not resolved. */
  readonly open: Readonly<Record<string, OpenAlert>>;
  /** Of those that had fired. */
  readonly resolved: number;
  /** The last ones that began, the newest first. Open ones stay longer than resolved ones. */
  readonly recent: readonly AlertDocument[];
  /** Hours in which something fired or was resolved, the oldest first. */
  readonly hours: readonly AlertHour[];
}

export const SUMMARY_ID = 'summary';
const RECENT = 20;
const HOURS = 48;
const HOUR_MS = 3_600_000;

const empty: AlertSummaryDocument = {
  id: SUMMARY_ID,
  position: START,
  open: {},
  resolved: 0,
  recent: [],
  hours: [],
};

export const alertSummary = defineProjection<AlertSummaryDocument, AlertPart>({
  name: 'alert-summary',
  version: 1,
  reads: alertEventTypes,
  history: { prefix: () => ALERT_STREAMS },
  indexes: [],
  parts: (recorded) => {
    const found = alertPart(recorded);
    return found ? [{ tenant: found.tenant, id: SUMMARY_ID, part: found.part }] : [];
  },
  fold: (summary = empty, part, at) => {
    const { [part.alert_id]: before, ...others } = summary.open;
    const after = evolve(before, part);
    const fired = part.event.type === 'AlertFired';
    const resolved = part.event.type === 'AlertResolved' && before?.fired === true;
    return {
      id: at.id,
      position: at.position,
      open: after ? { ...others, [part.alert_id]: after } : others,
      resolved: summary.resolved + Number(resolved),
      recent: recentAfter(summary.recent, part, at),
      hours: hoursAfter(summary.hours, part.at, Number(fired), Number(resolved)),
    };
  },
});

const evolve = (alert: OpenAlert | undefined, { event }: AlertPart): OpenAlert | undefined => {
  switch (event.type) {
    case 'AlertPending':
      return { state: 'pending', severity: event.data.severity, fired: false };
    case 'AlertFired':
      return { state: 'firing', severity: event.data.severity, fired: true };
    case 'AlertAcknowledged':
      return alert && { ...alert, state: 'acknowledged' };
    case 'AlertEscalated':
      return alert && { ...alert, state: 'escalated' };
    case 'AlertResolved':
      return undefined;
  }
};

const recentAfter = (
  recent: readonly AlertDocument[],
  part: AlertPart,
  { position }: FoldContext,
): readonly AlertDocument[] => {
  const id = part.alert_id;
  const known = recent.find((alert) => alert.id === id);
  const begins = part.event.type === 'AlertPending' || part.event.type === 'AlertFired';
  if (!known && !begins) return recent;
  const alert = foldAlert(known, part, { id, position });
  const alerts = known ? recent.map((one) => (one === known ? alert : one)) : [alert, ...recent];
  if (alerts.length <= RECENT) return alerts;
  const gone = alerts.findLast(({ state }) => state === 'resolved') ?? alerts.at(-1);
  return alerts.filter((one) => one !== gone);
};

const hoursAfter = (
  hours: readonly AlertHour[],
  at: string,
  fired: number,
  resolved: number,
): readonly AlertHour[] => {
  if (fired + resolved === 0) return hours;
  const time = hourOf(Date.parse(at));
  const same = hours.find((hour) => hour.time === time) ?? { time, fired: 0, resolved: 0 };
  const hour = { time, fired: same.fired + fired, resolved: same.resolved + resolved };
  return [...hours.filter((other) => other !== same), hour]
    .sort((one, other) => (one.time < other.time ? -1 : 1))
    .slice(-HOURS);
};

/** The hour that a time is in, RFC 3339. */
export const hourOf = (milliseconds: number): string =>
  new Date(Math.floor(milliseconds / HOUR_MS) * HOUR_MS).toISOString();
