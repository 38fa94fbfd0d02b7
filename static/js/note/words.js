// @ts-check
/** What the note says about itself. */
import { filled, gettext } from "../translated.js";

/** @param {Date} at */
const clock = (at) => at.toLocaleTimeString(document.documentElement.lang || [], { hour: "2-digit", minute: "2-digit" });

/** Shown beside the note. @type {Record<string, (at: Date) => string>} */
export const shown = {
  waiting: () => gettext("Not saved yet"),
  saving: () => gettext("Saving"),
  saved: (at) => filled(gettext("Saved at %(time)s"), { time: clock(at) }),
  offline: () => gettext("Not saved: the portal cannot be reached. Your words are kept in this window and are saved as soon as it can."),
  conflict: () => gettext("Not saved: another window was faster. Below is what you can do."),
  refused: () => gettext("Not saved: the note is too long. Shorten it."),
  gone: () => gettext("Not saved: you are signed out, or this note is no longer yours to write. Your words are kept in this window. Sign in in another window, then load this page again."),
};

/** Spoken, because something changed that the person did not do. @type {Record<string, string>} */
export const spoken = {
  offline: gettext("The note is not saved at the moment."),
  conflict: gettext("The note is not saved: another window was faster. Nothing was overwritten."),
  refused: gettext("The note is too long to be saved."),
  gone: gettext("The note cannot be saved: sign in again."),
  saved: gettext("The note is saved again."),
};

export const full = gettext("The note has words already, so the template was not used.");

export const signedElsewhere = {
  title: gettext("This note was signed in another window"),
  words: gettext("What is signed stays as it is. What you wrote here is not part of it."),
  keep: gettext("Add what I wrote as an addendum"),
  take: gettext("Leave it out"),
};
