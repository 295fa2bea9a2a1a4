// The drawings of graphs ask the browser whether it is dark; on these pages a reader may choose.

function follow(frame) {
  const page = frame.contentDocument;
  if (!page || !page.styleSheets.length) return; // not loaded yet, or opened as a file
  const dark = document.body.dataset.mdColorScheme === "slate";
  page.documentElement.style.colorScheme = dark ? "dark" : "light";
  for (const rule of page.styleSheets[0].cssRules) {
    if (!(rule instanceof frame.contentWindow.CSSMediaRule)) continue;
    rule.asksForDark ||= rule.media.mediaText.includes("prefers-color-scheme: dark");
    if (rule.asksForDark) rule.media.mediaText = dark ? "all" : "not all";
  }
}

for (const frame of document.querySelectorAll("iframe.graph")) {
  frame.addEventListener("load", () => follow(frame));
  new MutationObserver(() => follow(frame)).observe(document.body, {
    attributeFilter: ["data-md-color-scheme"],
  });
  follow(frame);
}
