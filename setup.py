from setuptools import find_packages, setup
setup(name='mmsdag', version='0.1.0', packages=find_packages(include=['mmsdag','mmsdag.*']))
