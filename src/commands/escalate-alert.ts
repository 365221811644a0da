import { escalate } from '../domain/alerting/alert.js';
import { defineAlertAction } from './alert-action.js';

export const escalateAlert = defineAlertAction('escalate-alert', escalate);
