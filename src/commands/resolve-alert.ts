import { resolve } from '../domain/alerting/alert.js';
import { defineAlertAction } from './alert-action.js';

export const resolveAlert = defineAlertAction('resolve-alert', resolve);
