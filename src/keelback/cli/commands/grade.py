"""`keelback grade`."""

import click

from keelback.cli import options
from keelback.errors import UserError


@click.command()
@click.argument("lab")
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--submissions", metavar="DIR", help="Grade a course: all files and folders in DIR, each a student's.")
@click.option("-o", "output", metavar="RESULTS", help="The folder for a course's results, a JSON file a student.")
@click.option("-j", "jobs", metavar="N", help="How many of a course are graded at once; all processors unless told.")
@click.option("--dask", metavar="tcp://HOST:PORT", help="Grade a course by the workers of a Dask scheduler.")
@click.option("--time", "seconds", metavar="TIME", default="120s", show_default=True, help="How long it may take.")
@click.option("--junit", metavar="FILE", help="Write the result as JUnit has it, too.")
@click.option("--gradescope", metavar="FILE", help="Write the result as Gradescope has it, too: results.json.")
@click.option("--html", metavar="FILE", help="Write the result as a web page, too, with both memories drawn.")
@options.seed
@options.json
def command(
    lab: str,
    files: tuple[str, ...],
    submissions: str | None,
    output: str | None,
    jobs: str | None,
    dask: str | None,
    seconds: str,
    junit: str | None,
    gradescope: str | None,
    html: str | None,
    seed: str | None,
    as_json: bool,
) -> int:
    """Grade a submission of a LAB: points, and for each that is missing the first event that was served wrongly.

    The FILEs are a student's.  They are read as Kernel Python and never run in this process.

    The exit status is 0 for all points, 1 for fewer; of a course, 0 when each entry of DIR is graded.
    """
    from keelback.cli.sizes import seconds as seconds_of
    from keelback.cli.sizes import seed_of
    from keelback.labs.grading import LIMITS

    limits, number = LIMITS._replace(seconds=seconds_of(seconds)), seed_of(seed)
    reports = {"--junit": junit, "--gradescope": gradescope, "--html": html}
    if submissions is not None:
        from keelback.cli.course import grade_course

        if given := [name for name, value in {"FILE": files, **reports}.items() if value]:
            raise UserError(f"{given[0]} is for one submission, and --submissions is for many")
        return grade_course(lab, submissions, output, jobs=jobs, dask=dask, limits=limits, seed=number, as_json=as_json)
    from keelback.cli.grade import grade_files

    if given := [name for name, value in {"-o": output, "-j": jobs, "--dask": dask}.items() if value]:
        raise UserError(f"{given[0]} is for --submissions")
    if not files:
        raise UserError("name a FILE, or a folder by --submissions")
    return grade_files(lab, files, limits=limits, seed=number, reports=reports, as_json=as_json)
