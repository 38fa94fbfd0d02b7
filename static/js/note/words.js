// @ts-check
/** What the note says about itself. */

/** @param {Date} at */
const clock = (at) => at.toLocaleTimeString(document.documentElement.lang || [], { hour: "2-digit", minute: "2-digit" });

/** Shown beside the note. @type {Record<string, (at: Date) => string>} */
export const shown = {
  waiting: () => "Not saved yet",
  saving: () => "Saving",
  saved: (at) => `Saved at ${clock(at)}`,
  offline: () => "Not saved: the portal cannot be reached. Your words are kept in this window and are saved as soon as it can.",
  conflict: () => "Not saved: another window was faster. Below is what you can do.",
  refused: () => "Not saved: the note is too long. Shorten it.",
  gone: () => "Not saved: you are signed out, or this note is no longer yours to write. Your words are kept in this window. Sign in in another window, then load this page again.",
};

/** Spoken, because something changed that the person did not do. @type {Record<string, string>} */
export const spoken = {
  offline: "The note is not saved at the moment.",
  conflict: "The note is not saved: another window was faster. Nothing was overwritten.",
  refused: "The note is too long to be saved.",
  gone: "The note cannot be saved: sign in again.",
  saved: "The note is saved again.",
};

export const full = "The note has words already, so the template was not used.";

export const signedElsewhere = {
  title: "This note was signed in another window",
  words: "What is signed stays as it is. What you wrote here is not part of it.",
  keep: "Add what I wrote as an addendum",
  take: "Leave it out",
};
