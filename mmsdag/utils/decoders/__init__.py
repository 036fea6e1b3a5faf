"""Decoders of image files, chosen by the header of the file.

They take the bytes of a file and return pixels; :mod:`mmsdag.utils.image_io`
adds the name of the file to their errors.
"""
