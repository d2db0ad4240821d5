"""`learnflow lag` as a program of its own."""

import typer

from learnflow.lag_command import lag

main = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False)
main.command("lag")(lag)

if __name__ == "__main__":
    main()
