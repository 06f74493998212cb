# All settings are in settings.ini: edit there, not here. (After nbdev 2's own setup.py.)
import shlex
from configparser import ConfigParser
from setuptools import find_packages, setup

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
cfg = config['DEFAULT']

licenses = {'apache2': 'Apache-2.0'}  # nbdev's names to SPDX's
statuses = ['0 - Pre-Planning', '1 - Planning', '2 - Pre-Alpha', '3 - Alpha',
    '4 - Beta', '5 - Production/Stable', '6 - Mature', '7 - Inactive']
py_versions = '3.10 3.11 3.12 3.13'.split()

def words(key): return shlex.split(cfg.get(key, ''))

# Each key NAME_requirements is the extra NAME; these two are not extras.
no_extra = 'pip_requirements', 'conda_requirements'
extras = {k.removesuffix('_requirements'): words(k) for k in cfg if k.endswith('_requirements') and k not in no_extra}

setup(
    name = cfg['lib_name'],
    version = cfg['version'],
    description = cfg['description'],
    keywords = cfg['keywords'],
    author = cfg['author'],
    author_email = cfg['author_email'],
    url = cfg['git_url'],
    project_urls = {'Documentation': cfg['doc_host'] + cfg['doc_baseurl']},
    license_expression = licenses[cfg['license']],
    classifiers = [
        'Development Status :: ' + statuses[int(cfg['status'])],
        'Intended Audience :: ' + cfg['audience'].title(),
        'Natural Language :: ' + cfg['language'].title(),
    ] + ['Programming Language :: Python :: ' + o for o in py_versions[py_versions.index(cfg['min_python']):]],
    packages = find_packages(include=[cfg['lib_path'], cfg['lib_path'] + '.*']),
    include_package_data = True,
    python_requires = '>=' + cfg['min_python'],
    install_requires = words('requirements') + words('pip_requirements'),
    extras_require = extras,
    long_description = open('README.md', encoding='utf-8').read(),
    long_description_content_type = 'text/markdown',
    zip_safe = False,
    entry_points = {
        'console_scripts': words('console_scripts'),
        'nbdev': [f'{cfg["lib_path"]}={cfg["lib_path"]}._modidx:d'],  # so that other nbdev projects link to our docs
    },
)
