"""List the night images of BDD100K's semantic segmentation."""

from mmsdag.cli.bdd100k_night import main

if __name__ == '__main__':
    main()
