import { acknowledge } from '../domain/alerting/alert.js';
import { defineAlertAction } from './alert-action.js';

export const acknowledgeAlert = defineAlertAction('acknowledge-alert', acknowledge);
