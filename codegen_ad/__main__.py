"""`python -m codegen_ad` is the command line."""

from codegen_ad.cli import main

if __name__ == "__main__":
    main()
