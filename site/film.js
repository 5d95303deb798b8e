// A recorded run plays by itself; here it gets what a player has: pause, a moment forward or back, any moment.
for (const film of document.querySelectorAll(".film")) {
    const moving = film.firstElementChild.shadowRoot.getAnimations();
    if (moving.length === 0) continue; // who asked for less motion sees the last frame
    const length = moving[0].effect.getTiming().duration;
    const offsets = moving.flatMap((each) => each.effect.getKeyframes().map((frame) => frame.computedOffset));
    const starts = [...new Set(offsets)].filter((each) => each < 1).sort((one, other) => one - other);

    const bar = document.createElement("p");
    bar.innerHTML = `
        <button type="button" title="Play or pause"></button>
        <button type="button" title="One moment back">◀</button>
        <button type="button" title="One moment forward">▶</button>
        <input type="range" min="0" max="${starts.length - 1}" value="0" aria-label="Moment">
        <output></output>`;
    const [play, back, forward] = bar.querySelectorAll("button");
    const slider = bar.querySelector("input");
    film.append(bar);

    const now = () => {
        const offset = (moving[0].currentTime % length) / length;
        return starts.findLastIndex((each) => each <= offset + 1e-6);
    };
    const show = () => {
        play.textContent = moving[0].playState === "paused" ? "Play" : "Pause";
        slider.value = now();
        bar.querySelector("output").textContent = `${now() + 1} of ${starts.length}`;
    };
    const stopAt = (moment) => {
        const time = starts[(moment + starts.length) % starts.length] * length + 1;
        for (const each of moving) {
            each.pause();
            each.currentTime = time;
        }
        show();
    };
    play.onclick = () => {
        const paused = moving[0].playState === "paused";
        for (const each of moving) paused ? each.play() : each.pause();
        show();
    };
    back.onclick = () => stopAt(now() - 1);
    forward.onclick = () => stopAt(now() + 1);
    slider.oninput = () => stopAt(Number(slider.value));
    setInterval(show, 200);
    show();
}
