"""Test a trained model: run the config's test set, report its metrics."""
from mmsdag.cli.test import main

if __name__ == '__main__':
    main()
